namespace Softswitch.Hosting.Reports;

/// <summary>What <c>top</c> shows of one interval, as lines of a screen.</summary>
/// <remarks>Lines are cut to the width and never longer.</remarks>
internal interface ITopPage
{
    /// <param name="width">In characters; 0 for no limit.</param>
    /// <param name="height">In lines; 0 for no limit.</param>
    /// <param name="order">Of ports, or of switches.</param>
    /// <param name="note">At the end of the first line, such as that the view is paused.</param>
    /// <param name="marked">Of <see cref="Choices"/>, the one to be marked; it is always shown.</param>
    IReadOnlyList<string> Lines(int width, int height, TopOrder order, string note = "", string? marked = null);

    /// <summary>What can be looked at more closely, from top to bottom.</summary>
    IReadOnlyList<string> Choices(TopOrder order);
}
