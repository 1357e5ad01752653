using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What every port on a network interface promises besides.</summary>
public abstract class LinkContract : PortContract
{
    [Fact]
    public void A_link_that_flaps_under_traffic_goes_on_and_no_frame_of_the_pool_is_lost()
    {
        using FramePool pool = NewPool();
        using (PortHarness harness = Open(pool))
        {
            var random = new Random(Seed);
            for (int round = 0; round < 3; round++)
            {
                Traffic(harness, random);
                harness.SetLink(up: false);
                Assert.False(harness.Device.ReadLink().Up);
                Traffic(harness, random);
                harness.SetLink(up: true);
                Eventually.Up(harness.Device);
                harness.AwaitPassage(Frame(random, 60, -1 - round));
                List<byte[]> frames = [.. Enumerable.Range(0, 40).Select(i => Frame(random, 60 + i, i))];
                Assert.All(frames, frame => Assert.True(harness.TryOffer(frame)));
                Assert.Equal(frames, harness.ReceiveFrames(frames.Count));
                frames.ForEach(frame => harness.Send(frame));
                Assert.Equal(frames, frames.Select(_ => harness.ExpectSent()).ToList());
            }
            AssertNothingLeaked(harness);
        }
    }

    /// <summary>Some frames each way, whatever becomes of them.</summary>
    private static void Traffic(PortHarness harness, Random random)
    {
        for (int i = 0; i < 100; i++)
        {
            harness.TryOffer(Frame(random, 60, i));
            harness.Send(Frame(random, 60, i));
            if (i % 10 == 0)
            {
                harness.ReceiveWhatIsThere();
            }
        }
    }
}
