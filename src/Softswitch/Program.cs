using System.Text;
using Microsoft.Win32.SafeHandles;
using Softswitch.Commands;
using Softswitch.Ports.Linux;

if (!StandardStream.IsGiven(StandardStream.Output))
{
    Console.SetOut(TextWriter.Null);
}
if (!StandardStream.IsGiven(StandardStream.Error))
{
    Console.SetError(TextWriter.Null);
}
// Whatever goes through .NET's console is preceded by escape sequences that prepare a terminal for reading keys; nothing here reads any.
if (!Console.IsOutputRedirected)
{
    Console.SetOut(Plain(StandardStream.Output));
}
if (!Console.IsErrorRedirected)
{
    Console.SetError(Plain(StandardStream.Error));
}
return CommandLine.Run(args);

static StreamWriter Plain(nint descriptor) =>
    new(new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0), new UTF8Encoding(false)) { AutoFlush = true };
