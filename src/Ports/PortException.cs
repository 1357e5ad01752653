using Softswitch.Ports.Linux;

namespace Softswitch.Ports;

/// <summary>A port that cannot be opened: the message is one line that names the port, what failed and the system's reason.</summary>
public sealed class PortException : Exception
{
    public PortException()
    {
    }

    public PortException(string message)
        : base(message)
    {
    }

    public PortException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>For the system call that failed just now on this thread.</summary>
    internal static PortException FromErrno(string port, string call) => FromErrno(port, call, Errno.Last);

    internal static PortException FromErrno(string port, string call, int error) => new($"{port}: {call}: {Errno.Text(error)}");
}
