using Softswitch;
using Softswitch.Commands;
using Softswitch.Ports.Linux.Files;

if (!StandardStream.IsGiven(StandardStream.Output))
{
    Console.SetOut(TextWriter.Null);
}
if (!StandardStream.IsGiven(StandardStream.Error))
{
    Console.SetError(TextWriter.Null);
}
// Whatever goes through .NET's console is preceded by escape sequences that prepare a terminal for reading keys; nothing here reads any.
Console.SetOut(new PrintableWriter(Console.IsOutputRedirected ? Console.Out : StandardStream.Writer(StandardStream.Output)));
Console.SetError(new PrintableWriter(Console.IsErrorRedirected ? Console.Error : StandardStream.Writer(StandardStream.Error)));
return CommandLine.Run(args);
