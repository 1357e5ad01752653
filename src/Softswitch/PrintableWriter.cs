using System.Text;
using Softswitch.Ports.Linux.Files;

namespace Softswitch;

/// <summary>Text for people: what a name, a file or a peer brings into it cannot steer a terminal. Each control character but tab and line feed becomes a question mark.</summary>
/// <remarks>Whoever steers the terminal on purpose writes to <see cref="StandardStream"/> itself. Threads: as the writer below.</remarks>
internal sealed class PrintableWriter(TextWriter below) : TextWriter
{
    /// <summary>Has all that a program says go through one, and nowhere where a stream was closed.</summary>
    public static void SetUp()
    {
        if (!StandardStream.IsGiven(StandardStream.Output))
        {
            Console.SetOut(Null);
        }
        if (!StandardStream.IsGiven(StandardStream.Error))
        {
            Console.SetError(Null);
        }
        // Whatever goes through .NET's console is preceded by escape sequences that prepare a terminal for reading keys; nothing here reads any.
        Console.SetOut(new PrintableWriter(Console.IsOutputRedirected ? Console.Out : StandardStream.Writer(StandardStream.Output)));
        Console.SetError(new PrintableWriter(Console.IsErrorRedirected ? Console.Error : StandardStream.Writer(StandardStream.Error)));
    }

    public override Encoding Encoding => below.Encoding;

    public override void Write(char value) => below.Write(IsPrintable(value) ? value : '?');

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    public override void WriteLine(string? value) => Write(value + below.NewLine);

    public override void Write(ReadOnlySpan<char> buffer)
    {
        foreach (char one in buffer)
        {
            if (!IsPrintable(one))
            {
                below.Write(string.Concat(buffer.ToString().Select(each => IsPrintable(each) ? each : '?')));
                return;
            }
        }
        below.Write(buffer);
    }

    public override void Flush() => below.Flush();

    private static bool IsPrintable(char one) => !char.IsControl(one) || one is '\n' or '\t';
}
