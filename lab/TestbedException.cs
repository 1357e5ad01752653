namespace Softswitch.Lab;

/// <summary>A scenario cannot go on: something that its topology is made of does not work as it must. What it measures and does not like is no such thing.</summary>
internal sealed class TestbedException : Exception
{
    public TestbedException()
    {
    }

    public TestbedException(string message)
        : base(message)
    {
    }

    public TestbedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
