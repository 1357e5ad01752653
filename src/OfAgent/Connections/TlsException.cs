namespace Softswitch.OfAgent.Connections;

/// <summary>Keys or certificates that cannot be used, or a TLS handshake that failed. The message is one line for people.</summary>
public sealed class TlsException : Exception
{
    /// <summary>With the line for people.</summary>
    public TlsException(string message)
        : base(message)
    {
    }

    /// <summary>With the line for people and what caused it.</summary>
    public TlsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without a reason.</summary>
    public TlsException()
    {
    }
}
