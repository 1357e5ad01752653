namespace Softswitch.Ports.Linux.Files;

/// <summary>A terminal that gives keys as they are pressed and does not show them; as it was before when disposed.</summary>
/// <remarks>Signals by keys stay. Threads: one.</remarks>
internal sealed unsafe class TerminalMode : IDisposable
{
    // struct termios of Linux: four words of flags, the line discipline, and the control characters; 60 bytes in glibc, 44 and some in
    // musl.
    private const int TermiosWords = 32;
    private const int LocalFlags = 3;
    private const uint Canonical = 2; // ICANON
    private const uint Echo = 8; // ECHO
    private const int Drain = 1; // TCSADRAIN
    private const uint GetWindowSize = 0x5413; // TIOCGWINSZ

    private readonly int _descriptor;
    private readonly uint[] _before = new uint[TermiosWords];

    private TerminalMode(int descriptor) => _descriptor = descriptor;

    /// <returns>Null if it is no terminal.</returns>
    public static TerminalMode? TryEnter(int descriptor)
    {
        TerminalMode mode = new(descriptor);
        fixed (uint* before = mode._before)
        {
            if (Libc.tcgetattr(descriptor, before) != 0)
            {
                return null;
            }
        }
        uint[] flags = [.. mode._before];
        flags[LocalFlags] &= ~(Canonical | Echo);
        return mode.TrySet(flags) ? mode : null;
    }

    /// <summary>Waits for a key.</summary>
    /// <returns>0 if none was pressed in time; -1 at the end of input.</returns>
    public int ReadKey(int milliseconds)
    {
        PollDescriptor poll = new() { Descriptor = _descriptor, Events = Libc.POLLIN };
        TimeSpecification timeout = new() { Seconds = milliseconds / 1000, Nanoseconds = milliseconds % 1000 * 1_000_000 };
        if (Libc.ppoll(&poll, 1, &timeout, null) <= 0)
        {
            return 0;
        }
        byte key;
        return Libc.read(_descriptor, &key, 1) == 1 ? key : -1;
    }

    /// <summary>The size in characters of the terminal behind a descriptor; 80 by 24 if it does not tell.</summary>
    public static (int Columns, int Rows) ReadSize(int descriptor)
    {
        ushort* size = stackalloc ushort[4]; // struct winsize: rows, columns, and both in pixels
        bool isKnown = Libc.ioctl(descriptor, GetWindowSize, size) == 0 && size[0] > 0 && size[1] > 0;
        return isKnown ? (size[1], size[0]) : (80, 24);
    }

    public void Dispose() => TrySet(_before);

    private bool TrySet(uint[] flags)
    {
        fixed (uint* set = flags)
        {
            return Libc.tcsetattr(_descriptor, Drain, set) == 0;
        }
    }
}
