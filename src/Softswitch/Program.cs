return Softswitch.Commands.CommandLine.Run(args);
