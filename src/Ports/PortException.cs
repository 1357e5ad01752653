using Softswitch.Ports.Linux;

namespace Softswitch.Ports;

/// <summary>A port that cannot be opened: the message is one line that names the port, what failed and the system's reason.</summary>
public sealed class PortException : Exception
{
    /// <summary>Without a reason.</summary>
    public PortException()
    {
    }

    /// <summary>With the line for people.</summary>
    public PortException(string message)
        : base(message)
    {
    }

    /// <summary>With the line for people and what caused it.</summary>
    public PortException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>For the system call that failed just now on this thread.</summary>
    internal static PortException FromErrno(string port, string call) => FromErrno(port, call, Errno.Last);

    internal static PortException FromErrno(string port, string call, int error) => new($"{port}: {call}: {Errno.Text(error)}");
}
