namespace Softswitch.Ports.Linux.Files;

/// <summary>The writing end of a named pipe, which never waits for its reader longer than it is asked to.</summary>
/// <remarks>Threads: one writes; <see cref="Stop"/> by any.</remarks>
internal sealed unsafe class NamedPipe : IDisposable
{
    private const int StopCheckMilliseconds = 100;

    private readonly int _descriptor;
    private volatile bool _stopped;

    private NamedPipe(int descriptor) => _descriptor = descriptor;

    /// <summary>Opens what the path names, if it is a pipe, a terminal or the like.</summary>
    /// <returns>Null if it is nothing of the kind, or is not there.</returns>
    /// <exception cref="PortException">Nobody reads the pipe, or it is not ours to write.</exception>
    public static NamedPipe? Open(string path)
    {
        int descriptor = Libc.open(path, Libc.O_WRONLY | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        if (descriptor < 0)
        {
            return Errno.Last == Errno.ENXIO
                ? throw new PortException($"{path}: nobody reads this pipe; start its reader first")
                : null; // the code that makes a file of that name reports the reason
        }
        if (Libc.lseek(descriptor, 0, Libc.SEEK_CUR) < 0 && Errno.Last == Errno.ESPIPE)
        {
            return new NamedPipe(descriptor);
        }
        _ = Libc.close(descriptor);
        return null;
    }

    /// <summary>Whether the path names a pipe: opening a pipe as a file would wait for its other end.</summary>
    public static bool IsAt(string path)
    {
        int descriptor = Libc.open(path, Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        bool isPipe = descriptor >= 0 && Libc.lseek(descriptor, 0, Libc.SEEK_CUR) < 0 && Errno.Last == Errno.ESPIPE;
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
        }
        return isPipe;
    }

    /// <summary>Writes all of it, however slow the reader is, until <see cref="Stop"/>.</summary>
    /// <returns>Null, or why the rest is lost.</returns>
    public string? Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (nuint done = 0; done < (nuint)bytes.Length;)
            {
                nint written = Libc.write(_descriptor, start + done, (nuint)bytes.Length - done);
                int error = written < 0 ? Errno.Last : 0;
                if (written >= 0)
                {
                    done += (nuint)written;
                }
                else if (error == Errno.EAGAIN && !_stopped)
                {
                    PollDescriptor room = new() { Descriptor = _descriptor, Events = Libc.POLLOUT };
                    _ = Libc.poll(&room, 1, StopCheckMilliseconds);
                }
                else if (error != Errno.EINTR)
                {
                    return error == Errno.EPIPE ? "nobody reads the pipe any more" : Errno.Text(error);
                }
            }
        }
        return null;
    }

    /// <summary>From now on, data that does not fit into the pipe is lost.</summary>
    public void Stop() => _stopped = true;

    public void Dispose() => _ = Libc.close(_descriptor);
}
