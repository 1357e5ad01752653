namespace Softswitch.Bench.Sides;

/// <summary>A row that cannot be measured as it should be; the other rows can.</summary>
internal sealed class CompareException : Exception
{
    public CompareException()
    {
    }

    public CompareException(string message)
        : base(message)
    {
    }

    public CompareException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
