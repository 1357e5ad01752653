using Softswitch.Commands;

return CommandLine.Run(args);
