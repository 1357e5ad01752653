using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Offload;

/// <summary>The datapath's hardware, none or several pieces of it, told of every change of table and ports.</summary>
/// <remarks>Each piece sees the whole table and takes what concerns its own ports. Threads: under the control lock.</remarks>
internal sealed unsafe class FlowOffloads(FlowTable table) : IDisposable
{
    private readonly FlowAction[] _oneAction = new FlowAction[1];
    private IFlowOffload[] _all = [];
    private OffloadPort[] _ports = [];
    private string? _suspension;

    public bool Any => _all.Length > 0;

    /// <summary>Why no other process can go on in this one's place; null if one can.</summary>
    public string? Obstacle => _all.Select(offload => offload.Obstacle).FirstOrDefault(obstacle => obstacle != null);

    /// <summary>Tells it what there is already.</summary>
    public void Attach(IFlowOffload offload)
    {
        offload.SetPorts(_ports);
        offload.Suspend(_suspension);
        FlowStore store = table.Store;
        for (uint index = 1; index <= store.HighWater; index++)
        {
            if (store.Records[index].State is FlowRecordState.Exact or FlowRecordState.Wildcard)
            {
                offload.Add(Describe(index));
            }
        }
        _all = [.. _all, offload];
    }

    public void Add(uint index)
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Add(Describe(index));
        }
    }

    public void Replace(uint replaced, uint index)
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Replace(replaced, Describe(index));
        }
    }

    public void Modify(uint index)
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Modify(index, ActionListMemory.Decompile(table.Store.Entries[index].Actions, _oneAction));
        }
    }

    public void Remove(uint index)
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Remove(index);
        }
    }

    public void Forget(uint index)
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Forget(index);
        }
    }

    /// <summary>Adds what hardware counted for an entry to what the workers did.</summary>
    /// <param name="poll">Whether the hardware is to be asked now.</param>
    public void AddCounters(uint index, bool poll, ref FlowCounters total)
    {
        foreach (IFlowOffload offload in _all)
        {
            OffloadCounters own = poll ? offload.Poll(index) : offload.Read(index);
            uint lastUsed = (uint)own.LastUsed;
            if (own.Packets != 0 && (total.Packets == 0 || (int)(lastUsed - total.LastUsed) > 0))
            {
                total.LastUsed = lastUsed;
            }
            total.Packets += own.Packets;
            total.Bytes += own.Bytes;
        }
    }

    public OffloadTotals ReadTotals()
    {
        OffloadTotals sum = default;
        foreach (IFlowOffload offload in _all)
        {
            OffloadTotals own = offload.ReadTotals();
            sum = new OffloadTotals(sum.ExactMatches + own.ExactMatches, sum.WildcardMatches + own.WildcardMatches);
        }
        return sum;
    }

    public void SetPorts(SwitchPort[] ports)
    {
        OffloadPort[] now = Array.ConvertAll(ports, port => new OffloadPort(port.Number, port.Config, port.QueueSettings != null));
        if (now.AsSpan().SequenceEqual(_ports))
        {
            return;
        }
        _ports = now;
        foreach (IFlowOffload offload in _all)
        {
            offload.SetPorts(now);
        }
    }

    /// <param name="reason">As in <see cref="IFlowOffload.Suspend"/>.</param>
    public void Suspend(string? reason)
    {
        if (reason == _suspension)
        {
            return;
        }
        _suspension = reason;
        foreach (IFlowOffload offload in _all)
        {
            offload.Suspend(reason);
        }
    }

    /// <returns>After how many milliseconds it wants to be called again at the latest.</returns>
    public int Service(long now)
    {
        int interval = int.MaxValue;
        foreach (IFlowOffload offload in _all)
        {
            interval = Math.Min(interval, offload.Service(now));
        }
        return interval;
    }

    public void Dispose()
    {
        foreach (IFlowOffload offload in _all)
        {
            offload.Dispose();
        }
        _all = [];
    }

    private OffloadEntry Describe(uint index)
    {
        ref FlowRecord record = ref table.Store.Records[index];
        ref FlowEntry entry = ref table.Store.Entries[index];
        bool exact = record.State == FlowRecordState.Exact;
        return new OffloadEntry
        {
            Id = index,
            IsExact = exact,
            Key = entry.Key,
            Mask = exact ? FlowKey.AllOnes : table.Wildcard.MaskOf(index),
            Priority = entry.Priority,
            Sequence = record.Sequence,
            Actions = ActionListMemory.Decompile(entry.Actions, _oneAction),
        };
    }
}
