using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Testing;

/// <summary>What queues, used without a switch, take and do not send: by reason, as a switch would count it.</summary>
/// <remarks>Outlives the use of the queues.</remarks>
internal sealed unsafe class QueueLosses : IDisposable
{
    private readonly NativeArray<PortAccount> _account = new(1);

    public QueueLosses(IEnumerable<IPort> queues)
    {
        foreach (IPort queue in queues)
        {
            queue.CountOn(_account.Start);
        }
    }

    public long this[DropReason reason] => (long)_account.Start->Egress.ReadDrops(reason);

    /// <summary>For whatever reason.</summary>
    public long Total => (long)_account.Start->Egress.Lost;

    public void Dispose() => _account.Dispose();
}
