namespace Softswitch.Hosting.Configuration;

/// <summary>What a person asked for cannot be done: each line says which option is meant and why. Ends the command with exit code 2.</summary>
public sealed class OptionException : Exception
{
    public OptionException()
    {
    }

    public OptionException(string message)
        : base(message)
    {
    }

    public OptionException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public OptionException(IEnumerable<string> lines)
        : base(string.Join('\n', lines))
    {
    }
}
