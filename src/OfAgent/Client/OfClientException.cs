namespace Softswitch.OfAgent.Client;

/// <summary>The conversation with the switch cannot begin or go on: not reachable, no answer in time, closed, or not OpenFlow 1.0.</summary>
/// <remarks>The message is one line for people and starts with the target: <c>tcp:127.0.0.1:6654: connection refused</c>.</remarks>
public sealed class OfClientException : Exception
{
    /// <summary>With the line for people.</summary>
    public OfClientException(string message)
        : base(message)
    {
    }

    /// <summary>With the line for people and what caused it.</summary>
    public OfClientException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without a reason.</summary>
    public OfClientException()
    {
    }
}
