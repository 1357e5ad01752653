using System.Diagnostics;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Tests;

/// <summary>The kernel reports a carrier some time after an interface was brought up (net/core/link_watch.c).</summary>
internal static class LinkWait
{
    public static void UntilUp(IPortDevice device)
    {
        long start = Stopwatch.GetTimestamp();
        while (!device.ReadLink().Up)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20), $"{device.Name} does not come up");
            Thread.Yield();
        }
    }
}
