namespace Softswitch.Ports.Linux;

/// <summary>A system call that failed: the message names the call, what it was about, and the system's reason.</summary>
internal sealed class SystemCallException : IOException
{
    public SystemCallException()
    {
    }

    public SystemCallException(string message)
        : base(message)
    {
    }

    public SystemCallException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="call">The call as in its manual page, with what it was about.</param>
    /// <param name="error">errno.</param>
    public SystemCallException(string call, int error)
        : base($"{call}: {Errno.Text(error)}") => Error = error;

    /// <summary>errno; 0 where none is known.</summary>
    public int Error { get; }

    /// <summary>Whether the system refused for lack of rights (EPERM, EACCES).</summary>
    public bool IsRefusal => Error is Errno.EPERM or Errno.EACCES;

    /// <summary>For the call that failed just now on this thread.</summary>
    internal static SystemCallException Last(string call) => new(call, Errno.Last);
}
