using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

/// <summary>What every device promises that another process can go on with (see <see cref="IDeviceHandover"/>); each kind runs it.</summary>
/// <remarks>Two processes are two owners in this one, with descriptors, and where the device needs it frames, of their own.</remarks>
public abstract class HandoverContract
{
    private const int Owners = 4;
    private const int Many = 100;
    private const int Few = 5;

    internal abstract HandoverHarness Open();

    [Fact]
    public void From_owner_to_owner_nothing_is_lost_doubled_or_out_of_order_and_the_last_one_leaves_all_as_it_was()
    {
        using HandoverHarness harness = Open();
        string before = harness.Picture();
        harness.Start();
        harness.MakeErrors();
        string open = harness.Picture();
        for (int owner = 1; owner < Owners; owner++)
        {
            harness.PassBothWays(Many);
            DeviceOffer offer = harness.Owner.Handover.Offer();
            DeviceOwner next = harness.Take(offer);
            harness.PassBothWays(Many); // it goes on meanwhile
            byte[] state = harness.Owner.Handover.SaveState();
            harness.Arrive(Few); // the kernel goes on, too
            next.Handover.Adopt(state);
            PortCounters counters = harness.Owner.Device.ReadCounters();
            harness.Owner.Handover.Yield();
            harness.HandOn(next);
            Assert.Equal(counters, next.Device.ReadCounters());
            Assert.Equal(open, harness.Picture());
        }
        harness.PassBothWays(Many);
        IReadOnlyList<string> held = harness.HeldFiles();
        harness.End();
        harness.Owner.Pool.AssertAllFree();
        Assert.Equal(before, harness.Picture());
        Assert.All(held, file => Assert.Equal(0, HandoverHarness.CountHolders(file)));
    }

    [Theory]
    [InlineData(HandoverStep.Offered)]
    [InlineData(HandoverStep.Taken)]
    [InlineData(HandoverStep.Saved)]
    [InlineData(HandoverStep.Refused)]
    [InlineData(HandoverStep.Adopted)]
    public void A_process_that_fails_leaves_the_device_to_its_owner(HandoverStep step)
    {
        using HandoverHarness harness = Open();
        harness.Start();
        string open = harness.Picture();
        (string File, int Holders)[] held = [.. harness.HeldFiles().Select(file => (file, HandoverHarness.CountHolders(file)))];
        for (int attempt = 0; attempt < 3; attempt++)
        {
            harness.PassBothWays(Many);
            harness.FailAt(step);
            harness.Owner.Handover.Resume();
            Assert.Equal(open, harness.Picture());
            harness.PassBothWays(Many);
            Assert.All(held, one => Assert.Equal(one.Holders, HandoverHarness.CountHolders(one.File)));
        }
        harness.End();
        harness.Owner.Pool.AssertAllFree();
    }

    [Fact]
    public void An_offer_cut_short_anywhere_is_refused_and_its_descriptors_are_closed()
    {
        using HandoverHarness harness = Open();
        harness.Start();
        DeviceOffer whole = harness.Owner.Handover.Offer();
        (string File, int Holders)[] held = [.. harness.HeldFiles().Select(file => (file, HandoverHarness.CountHolders(file)))];
        for (int length = 0; length < whole.Record.Length; length++)
        {
            Assert.Throws<PortException>(() => harness.Take(whole with { Record = whole.Record[..length] }));
        }
        for (int count = 0; count < whole.Descriptors.Count; count++)
        {
            Assert.Throws<PortException>(() => harness.Take(whole with { Descriptors = [.. whole.Descriptors.Take(count)] }));
        }
        Assert.All(held, one => Assert.Equal(one.Holders, HandoverHarness.CountHolders(one.File)));
        harness.Owner.Handover.Resume();
        harness.PassBothWays(Many);
    }
}

/// <summary>How far a process gets that is to go on with a device.</summary>
public enum HandoverStep
{
    /// <summary>It has the offer, with descriptors.</summary>
    Offered,

    /// <summary>It has a device.</summary>
    Taken,

    /// <summary>It is sent the state.</summary>
    Saved,

    /// <summary>The state is cut short.</summary>
    Refused,

    /// <summary>The device is its own, and it says so to nobody.</summary>
    Adopted,
}
