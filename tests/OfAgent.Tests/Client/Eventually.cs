using System.Diagnostics;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>Waits for what another thread or process is about to do.</summary>
internal static class Eventually
{
    /// <summary>So long that only a failure takes it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static void True(Func<bool> condition, string otherwise)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(waited.Elapsed < Patience, otherwise);
            Thread.Sleep(5); // between looks; nothing depends on how long
        }
    }
}
