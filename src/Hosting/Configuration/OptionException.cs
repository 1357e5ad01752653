namespace Softswitch.Hosting.Configuration;

/// <summary>What was asked for cannot be done: each line of the message says which option, port or flow is meant and why.</summary>
public sealed class OptionException : Exception
{
    /// <summary>Without a reason; for serializers and the like.</summary>
    public OptionException()
    {
    }

    /// <param name="message">One line that names what is meant and why it cannot be done.</param>
    public OptionException(string message)
        : base(message)
    {
    }

    /// <param name="message">One line that names what is meant and why it cannot be done.</param>
    /// <param name="innerException">What says so.</param>
    public OptionException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="lines">A line for each thing that is wrong.</param>
    public OptionException(IEnumerable<string> lines)
        : base(string.Join('\n', lines))
    {
    }
}
