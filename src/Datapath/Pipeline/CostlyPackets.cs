using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>One worker's packets that cost more than a pass may take. The worker treats one at a time, and executes some of its outputs in each pass.</summary>
/// <remarks>
/// The packet that is under way has a copy of its action list, so the worker holds no memory of the table between passes. Packets behind it wait in
/// the <see cref="Backlog"/> of their queue, and the queues take turns. Threads: one worker; <see cref="Begun"/> and <see cref="Ended"/> any.
/// </remarks>
internal sealed unsafe class CostlyPackets : IDisposable
{
    private readonly BatchClassifier _classifier;
    private readonly BatchExecutor _batchExecutor;
    private readonly ActionExecutor _executor;
    private readonly FrameCache _frames;
    private readonly WorkerCounters _counters;
    private readonly PipelineBatch _batch = new();
    private readonly NativeArray<byte> _list = new(ActionList.Size + (ActionListMemory.MaxActions * FlowAction.Size));
    private Backlog[] _backlogs;
    private int _turn;
    private bool _wasPacketOut;
    private bool _isPacketOutNext; // a packet-out waits until the packet of a queue has ended
    private readonly long[] _begun = new long[2]; // [0]: packets under way; [1]: packets of packet-outs that had to wait to go through the table
    private readonly long[] _ended = new long[2];

    // The packet under way.
    private bool _isActive;
    private Packet _packet;
    private FlowKey _key;
    private HeaderOffsets _layout;
    private ushort _inPort;
    private PacketAccount* _ingress;
    private Backlog? _backlog; // null for a packet-out
    private int _next;
    private int _spent;

    /// <param name="throughTable">The backlog of packets that packet-outs send to OFPP_TABLE.</param>
    public CostlyPackets(
        BatchClassifier classifier, BatchExecutor batchExecutor, ActionExecutor executor, FrameCache frames, WorkerCounters counters, Backlog throughTable)
    {
        _classifier = classifier;
        _batchExecutor = batchExecutor;
        _executor = executor;
        _frames = frames;
        _counters = counters;
        ThroughTable = throughTable;
        _backlogs = [throughTable];
    }

    /// <summary>The backlog of packets that packet-outs send to OFPP_TABLE.</summary>
    public Backlog ThroughTable { get; }

    /// <summary>Packets that ever were under way; or packets of packet-outs to OFPP_TABLE that had to wait. They end in the same order. Any thread.</summary>
    public long Begun(bool throughTable) => Volatile.Read(ref _begun[throughTable ? 1 : 0]);

    /// <summary>How many of <see cref="Begun"/> have ended. Any thread.</summary>
    public long Ended(bool throughTable) => Volatile.Read(ref _ended[throughTable ? 1 : 0]);

    /// <summary>Packets that wait or are under way.</summary>
    public int Count => (_isActive ? 1 : 0) + _backlogs.Sum(backlog => backlog.Count);

    /// <summary>Replaces the set of queues.</summary>
    public void Adopt(IEnumerable<Backlog> backlogs) => _backlogs = [.. backlogs, ThroughTable];

    /// <summary>Drops the waiting packets of a port that is gone, as its account ends.</summary>
    public void Abandon(PacketAccount* account)
    {
        foreach (Backlog backlog in _backlogs)
        {
            if (backlog.Ingress == account)
            {
                backlog.Drop(_frames);
            }
        }
        if (_isActive && _ingress == account)
        {
            End(DropReason.NoSuchPort);
        }
    }

    /// <summary>Takes the first costly packet of a looked-up batch, and all packets behind it, out of the batch.</summary>
    /// <param name="exact">How many packets of the batch table 0 matched; set to the number among those that stay.</param>
    /// <returns>The cost of the packets that stay.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int TakeFrom(PipelineBatch batch, ref int exact)
    {
        Backlog backlog = batch.Backlog;
        int cost = 0;
        int plain = backlog.HoldsUp ? 0 : _batchExecutor.CountPlain(batch, out cost);
        int count = batch.Count;
        backlog.Debt += Math.Max(0, cost - PacketCost.Share);
        if (plain == count)
        {
            return cost;
        }
        ReadOnlySpan<Packet> costly = batch.Packets.Packets[plain..];
        int taken = backlog.Add(costly, batch.InPort);
        _frames.Drop(costly[taken..], DropReason.PacketOutQueueFull, batch.Ingress);
        if (backlog == ThroughTable)
        {
            Volatile.Write(ref _begun[1], _begun[1] + taken);
        }
        exact = Shorten(batch, plain);
        return cost;
    }

    /// <summary>Takes a packet-out that costs more than <see cref="PacketCost.Plain"/>; it copies the actions.</summary>
    /// <returns>False if another packet is under way, or it is a queue's turn.</returns>
    public bool TryBegin(in QueuedPacketOut item, in FlowKey key, in HeaderOffsets layout)
    {
        if (_isActive || (_wasPacketOut && Array.Exists(_backlogs, backlog => backlog.Count > 0)))
        {
            _isPacketOutNext = !_wasPacketOut;
            return false;
        }
        _wasPacketOut = true;
        _isPacketOutNext = false;
        Begin(item.Packet, item.Actions.List, key, layout, item.InPort, _executor.Ingress, backlog: null);
        return true;
    }

    /// <summary>Goes on with the packet under way, or begins the next, for a slice of the pass.</summary>
    /// <param name="now">Worker clock in milliseconds.</param>
    /// <param name="spent">Increased by the cost of this call.</param>
    /// <returns>The cost of this call; 0 if no packet waits.</returns>
    public int Run(uint now, ref int spent)
    {
        int left = PacketCost.Slice;
        while (left > 0 && (_isActive || (!_isPacketOutNext && FindWaiting())))
        {
            if (_isActive)
            {
                Continue(ref left);
            }
            else
            {
                left -= Treat(_backlogs[_turn], now);
            }
        }
        spent += PacketCost.Slice - left;
        return PacketCost.Slice - left;
    }

    public void Dispose()
    {
        foreach (Backlog backlog in _backlogs)
        {
            backlog.Drop(_frames);
        }
        if (_isActive)
        {
            End(DropReason.NoSuchPort);
        }
        _batch.Dispose();
        _list.Dispose();
    }

    /// <summary>Finds the next queue in turn with waiting packets.</summary>
    private bool FindWaiting()
    {
        for (int n = 0; n < _backlogs.Length; n++)
        {
            _turn = (_turn + 1) % _backlogs.Length;
            if (_backlogs[_turn].Count > 0)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Treats the first packets of a backlog: all that cost little by now, or else one costly packet.</summary>
    /// <returns>Their cost; 0 for a packet that is only begun.</returns>
    private int Treat(Backlog backlog, uint now)
    {
        PipelineBatch batch = _batch;
        backlog.CopyTo(batch);
        _executor.Ingress = batch.Ingress;
        batch.Parse();
        int exact = _classifier.Classify(batch.Keys, batch.Found, batch.Count);
        int plain = _batchExecutor.CountPlain(batch, out int cost);
        int treated = Math.Max(plain, 1);
        if (treated < batch.Count)
        {
            exact = Shorten(batch, treated);
        }
        backlog.Remove(treated);
        int misses;
        ActionList* list = null;
        if (plain > 0)
        {
            misses = _batchExecutor.Execute(batch, now);
        }
        else
        {
            _wasPacketOut = false;
            misses = *batch.Found == 0 ? 1 : 0;
            list = _batchExecutor.BeginAlone(batch, now, out cost);
            if (list != null)
            {
                Begin(batch.First, list, *batch.Keys, *batch.Layouts, batch.InPort, batch.Ingress, backlog);
                cost = 0;
            }
        }
        _counters.Count(treated, exact, treated - exact - misses);
        batch.Packets.Clear();
        CountEnded(backlog, list == null ? treated : 0);
        return cost;
    }

    private void CountEnded(Backlog? backlog, int count)
    {
        if (backlog == ThroughTable)
        {
            Volatile.Write(ref _ended[1], _ended[1] + count);
        }
    }

    private void Begin(
        in Packet packet, ActionList* list, in FlowKey key, in HeaderOffsets layout, ushort inPort, PacketAccount* ingress, Backlog? backlog)
    {
        NativeMemory.Copy(list, _list.Start, (nuint)(ActionList.Size + ((list->LastOutput + 1) * FlowAction.Size)));
        _packet = packet;
        _key = key;
        _layout = layout;
        _inPort = inPort;
        _ingress = ingress;
        _backlog = backlog;
        _next = 0;
        _spent = 0;
        _isActive = true;
        ingress->Held++;
        if (backlog != null)
        {
            backlog.IsUnderWay = true;
        }
        Volatile.Write(ref _begun[0], _begun[0] + 1);
    }

    private void Continue(ref int budget)
    {
        int before = budget;
        _executor.Ingress = _ingress;
        bool hasEnded = _executor.Continue((ActionList*)_list.Start, ref _packet, _key, ref _layout, _inPort, ref _next, ref budget);
        _spent += before - budget;
        if (hasEnded)
        {
            End(null);
        }
        else if (_spent >= PacketCost.Most)
        {
            End(DropReason.TooManyOutputs);
        }
    }

    /// <param name="reason">Why the packet is dropped; null if its ownership has ended.</param>
    private void End(DropReason? reason)
    {
        _isActive = false;
        _ingress->Held--;
        if (reason is { } dropped)
        {
            _frames.Drop(_packet, dropped, _ingress);
        }
        if (_backlog != null)
        {
            _backlog.IsUnderWay = false;
        }
        CountEnded(_backlog, 1);
        Volatile.Write(ref _ended[0], _ended[0] + 1);
    }

    /// <summary>Shortens the batch to its first packets and looks these up again.</summary>
    /// <returns>How many of them table 0 matches.</returns>
    private int Shorten(PipelineBatch batch, int count)
    {
        batch.Truncate(count);
        return count == 0 ? 0 : _classifier.Classify(batch.Keys, batch.Found, count);
    }
}
