namespace Softswitch.Scenarios;

/// <summary>A scenario cannot go on: something that its topology is made of does not work as it must. What it measures and does not like is no such thing.</summary>
internal sealed class ScenarioException : Exception
{
    public ScenarioException()
    {
    }

    public ScenarioException(string message)
        : base(message)
    {
    }

    public ScenarioException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
