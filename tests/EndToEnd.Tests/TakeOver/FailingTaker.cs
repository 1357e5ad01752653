using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>A process that begins to take a switch over and gets no further than a step of the protocol. It closes what it was sent.</summary>
internal sealed class FailingTaker : IDisposable
{
    private const int Patience = 20_000;

    private readonly DescriptorSocket _socket;
    private readonly HandoverChannel _channel;

    private FailingTaker(string path)
    {
        ManagementClient.Ask($"unix:{path}", ManagementRequest.TakeOver(HandoverChannel.Version), TimeSpan.FromMilliseconds(Patience));
        _socket = DescriptorSocket.Connect(HandoverTarget.PathBeside(path));
        _channel = new HandoverChannel(_socket, 1 << 30);
    }

    /// <summary>Connects, as soon as the switch is through with those before, and goes as far as a step.</summary>
    public static FailingTaker Reach(string path, TakerStep step)
    {
        FailingTaker? taker = null;
        Eventually.True(() => (taker = TryReach(path, step)) != null, "the switch is through with the takers before");
        return taker!;
    }

    /// <summary>Waits until the other end hangs up or says that it failed.</summary>
    public void AwaitEnd()
    {
        Action receive = () =>
        {
            while (true)
            {
                Receive();
            }
        };
        Assert.ThrowsAny<IOException>(receive);
    }

    public void Dispose() => _channel.Dispose();

    private static FailingTaker? TryReach(string path, TakerStep step)
    {
        try
        {
            var taker = new FailingTaker(path);
            taker.Go(step);
            return taker;
        }
        catch (OptionException e) when (e.Message.Contains("is taking it over already", StringComparison.Ordinal))
        {
            return null;
        }
    }

    private void Go(TakerStep step)
    {
        if (step >= TakerStep.Offered)
        {
            ReceiveUpTo(HandoverMessage.OfferEnd);
        }
        if (step >= TakerStep.Loaded)
        {
            _channel.Send(HandoverMessage.Opened, Patience);
            ReceiveUpTo(HandoverMessage.EntriesEnd);
        }
        if (step >= TakerStep.Stopped)
        {
            _channel.Send(HandoverMessage.Loaded, Patience);
            ReceiveUpTo(HandoverMessage.State);
        }
    }

    private void ReceiveUpTo(HandoverMessage last)
    {
        while (Receive() != last)
        {
            // the next
        }
    }

    private HandoverMessage Receive()
    {
        HandoverMessage kind = _channel.Receive(Patience, out _, out int[] descriptors);
        Array.ForEach(descriptors, descriptor => _ = Libc.close(descriptor));
        return kind;
    }
}

/// <summary>How far a taker gets.</summary>
internal enum TakerStep
{
    Connected,
    Offered,
    Loaded,
    Stopped,
}
