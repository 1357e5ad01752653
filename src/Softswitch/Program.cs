using System.Text;
using Microsoft.Win32.SafeHandles;
using Softswitch.Commands;

// Whatever goes through .NET's console is preceded by escape sequences that prepare a terminal for reading keys; nothing here reads any.
if (!Console.IsOutputRedirected)
{
    Console.SetOut(Plain(descriptor: 1));
}
if (!Console.IsErrorRedirected)
{
    Console.SetError(Plain(descriptor: 2));
}
return CommandLine.Run(args);

static StreamWriter Plain(nint descriptor) =>
    new(new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0), new UTF8Encoding(false)) { AutoFlush = true };
