using System.Diagnostics;
using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>A front-end that cuts the guest's memory short (SIGBUS) loses its port. Any other SIGBUS is the runtime's, as before.</summary>
public sealed unsafe class TornMemoryTests
{
    private const string Child = "SOFTSWITCH_TEST_FOREIGN_SIGBUS";
    private const int SIGBUS = 7;

    [Theory]
    [InlineData(0L)]
    [InlineData(8L << 20)] // the buffers are gone, the rings are not
    public void A_file_cut_short_under_a_running_ring_ends_the_port(long rest)
    {
        using GuestRam other = new((0x10000, 16 << 20));
        using RingHarness bystander = new(ram: other);
        using RingHarness harness = new(fill: false, ram: new GuestRam((0, 16 << 20)));
        harness.Ram.Next = 12 << 20;
        harness.Guest.Fill();
        byte[] good = TestPacket.Udp();
        Assert.True(harness.TryOffer(good));
        Assert.Equal(good, Assert.Single(harness.ReceiveFrames(1)));
        Assert.True(harness.TryOffer(good));
        Assert.Equal(0, Libc.ftruncate(harness.Ram.FileOf(0), rest));
        harness.ReceiveWhatIsThere();
        harness.Send(good);
        Assert.Contains("a file of the guest's memory was cut short", harness.Rings.Fault, StringComparison.Ordinal);
        Assert.False(harness.Rings.IsReady);
        harness.Rings.Reset();
        Assert.True(bystander.TryOffer(good));
        Assert.Equal(good, Assert.Single(bystander.ReceiveFrames(1)));
        bystander.Send(good);
        Assert.Equal(good, bystander.NextSent());
    }

    [Fact]
    public void A_region_that_is_not_all_in_its_file_is_refused()
    {
        using RingHarness harness = new();
        GuestRegion[] regions = harness.Ram.Regions();
        Assert.False(harness.Rings.TrySetMemory([regions[0] with { Size = regions[0].Size + 1 }], out string why));
        Assert.Equal("the memory region at 0x10000: 67108865 bytes at 0x0 of a file of 67108864 bytes", why);
        Assert.False(harness.Rings.IsReady);
    }

    [Fact]
    public void A_sealable_file_can_no_longer_be_cut()
    {
        const uint MFD_CLOEXEC = 1;
        const uint MFD_ALLOW_SEALING = 2;
        int file = Libc.memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        Assert.Equal(0, Libc.ftruncate(file, 1 << 20));
        using GuestMemory memory = new();
        Assert.True(memory.TryAdd(new GuestRegion(0, 1 << 20, 0, 0, GuestRam.Duplicate(file)), out string why), why);
        Assert.Equal(-1, Libc.ftruncate(file, 0));
        Assert.Equal(Errno.EPERM, Errno.Last);
        _ = Libc.close(file);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void A_bus_error_of_somebody_else_goes_to_the_runtime_which_ends_the_process()
    {
        if (Environment.GetEnvironmentVariable(Child) != null)
        {
            TouchWhatIsMissing();
            return;
        }
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
        {
            start.ArgumentList.Add(typeof(TornMemoryTests).Assembly.Location);
        }
        start.ArgumentList.Add("-method");
        start.ArgumentList.Add($"*{nameof(A_bus_error_of_somebody_else_goes_to_the_runtime_which_ends_the_process)}");
        start.Environment[Child] = "1";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        const int signalled = 128;
        Assert.True(process.ExitCode is signalled + SIGBUS or signalled + 6, $"exit code {process.ExitCode}: {said}");
        Assert.DoesNotContain("it went on", said, StringComparison.Ordinal);
    }

    private static void TouchWhatIsMissing()
    {
        using GuestRam ours = new((0, 1 << 20));
        using GuestMemory memory = new();
        Assert.True(memory.TrySet(ours.Regions(), out string why), why);
        using GuestRam foreign = new((0, 1 << 20));
        Assert.Equal(0, Libc.ftruncate(foreign.FileOf(0), 0));
        *foreign.At(0) = 1;
        Console.WriteLine("it went on");
    }
}
