using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <content>Who connects to a listener: accepted at once, served in turn.</content>
/// <remarks>Threads: one for each listener.</remarks>
internal sealed partial class SwitchAgent
{
    // Accepted at most before one is served.
    private const int AcceptedAtOnce = 1024;

    private volatile bool _lacksThreads;

    private void AcceptLoop(ConnectionTarget target, SocketListener listener)
    {
        using WaitingPeers waiting = new(origin => Table.IsKnown(origin) || Options.Controllers.Any(controller => controller.Host == origin));
        bool lacksDescriptors = false;
        while (true)
        {
            // Without these, who has connected waits in the kernel while anybody waits here.
            for (int i = 0; i < AcceptedAtOnce && (waiting.IsEmpty || !(lacksDescriptors || _lacksThreads)); i++)
            {
                if ((waiting.IsEmpty ? listener.Socket.Accept() : listener.Socket.TryAccept()) is not { } accepted)
                {
                    break;
                }
                lacksDescriptors = DescriptorReserve.Includes(accepted.SafeHandle);
                if (waiting.Add(accepted) is { } turnedAway)
                {
                    Refuse($"{target} from {PeerOrigin.Of(turnedAway)}", RefusalLog.TooManyWait);
                    turnedAway.Dispose();
                }
            }
            if (waiting.IsEmpty || !listener.Socket.IsOpen)
            {
                return; // the end of the listener: who waits is not served any more
            }
            if (waiting.Take() is { } peer && listener.TryMakeChannel(peer) is { } channel)
            {
                Admit(channel, target);
            }
        }
    }

    /// <summary>Serves a peer that was accepted, if there is room for it.</summary>
    private void Admit(IChannel channel, ConnectionTarget target)
    {
        ControllerConnection connection = new(this, channel, new ConnectionName(target, channel.Peer));
        string refusal = "";
        if (channel.IsOneTooMany && !Table.TryMakeRoom(connection))
        {
            refusal = RefusalLog.NoDescriptor;
        }
        else if (!Table.TryAdd(connection) && !(Table.TryMakeRoom(connection) && Table.TryAdd(connection)))
        {
            refusal = $"refused: all {MaxPassiveConnections} places for connections are taken by controllers";
        }
        else if (!connection.TryStartWriter() || !Keep(TryStartThread($"{connection.Name}", () => Serve(connection), connection)))
        {
            refusal = RefusalLog.NoThread;
        }
        if (refusal.Length > 0)
        {
            connection.Discard();
            Refuse($"{connection.Name}", refusal);
        }
    }

    private void Refuse(string name, string reason)
    {
        if (!_stopping.IsCancellationRequested)
        {
            Refusals.Note(name, reason);
        }
    }

    private void Serve(ControllerConnection connection)
    {
        connection.Serve();
        LogEmergency();
    }
}
