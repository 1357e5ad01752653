namespace Softswitch.OfAgent.Connections;

/// <summary>Keys or certificates that cannot be used, or a TLS handshake that failed. The message is one line for people.</summary>
public sealed class TlsException : Exception
{
    public TlsException(string message)
        : base(message)
    {
    }

    public TlsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public TlsException()
    {
    }
}
