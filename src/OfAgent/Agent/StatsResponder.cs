using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>Answers statistics requests (OpenFlow 1.0.0 §5.3.5), flow statistics in parts between which the control lock can be left.</summary>
/// <remarks>Threads: as <see cref="ControllerSession"/>, whose it is.</remarks>
internal sealed class StatsResponder
{
    /// <summary>Bytes after which a part of a multipart reply ends.</summary>
    public const int PartSize = 60 * 1024;

    private readonly DatapathControl _control;
    private readonly SwitchDescription _description;
    private readonly OutboundQueue _out;

    /// <summary>The part being built. It may already hold the entry that did not fit the part before.</summary>
    private OfBuffer? _part;
    private uint _xid;
    private uint _cursor;
    private FlowFilter _filter;

    public StatsResponder(DatapathControl control, SwitchDescription description, OutboundQueue output)
    {
        _out = output;
        _control = control;
        _description = description;
    }

    /// <summary>Whether a flow statistics reply has parts to come.</summary>
    public bool IsUnfinished => _part is not null;

    /// <summary>The buffer to append to. While a walk over the entries releases the lock, pending bytes may be written and the buffer replaced.</summary>
    private OfBuffer Reply => _out.Pending;

    public bool TryHandle(ReadOnlySpan<byte> message, uint xid, out OfError error)
    {
        if (!StatsMessage.TryDecode(message, out OfStatsType type, out _, out ReadOnlySpan<byte> body, out error))
        {
            return false;
        }
        switch (type)
        {
            case OfStatsType.Flow:
                return TryStartFlows(body, xid, out error);
            case OfStatsType.Vendor:
                // A vendor id that is not there is a matter of length, one we do not know of the vendor.
                error = VendorStatsMessage.TryDecode(body, out _, out _, out OfError length) ? OfError.BadRequestBadVendor : length;
                return false;
            case OfStatsType.Queue:
                return QueueResponder.TryHandleStatistics(_control, body, xid, Reply, out error);
            case OfStatsType.Port:
                return TryWritePorts(body, xid, Reply, out error);
            case OfStatsType.Aggregate:
                return TryWriteAggregate(body, xid, out error);
            case OfStatsType.Description or OfStatsType.Table:
                return TryWriteDescription(type, body, xid, Reply, out error);
            default:
                error = OfError.BadRequestBadStat;
                return false;
        }
    }

    /// <summary>Appends the next part of the flow statistics reply, the last one without OFPSF_REPLY_MORE.</summary>
    public void Continue()
    {
        OfBuffer part = _part!;
        while (_control.Flows.Next(ref _cursor, _filter, out FlowStatistics flow))
        {
            bool isFull = part.Length + FlowStatsMessage.EntrySize(flow) > PartSize && part.Length > StatsMessage.HeaderSize;
            if (isFull)
            {
                StatsMessage.EndReply(part, 0, more: true);
                Reply.Append(part.Written);
                part.Reset();
                StatsMessage.BeginReply(part, _xid, OfStatsType.Flow);
            }
            FlowStatsMessage.WriteEntry(part, flow);
            if (isFull)
            {
                return;
            }
        }
        StatsMessage.EndReply(part, 0);
        Reply.Append(part.Written);
        Abandon();
    }

    /// <summary>Gives up an unfinished reply: the connection is over.</summary>
    public void Abandon()
    {
        if (_part is not null)
        {
            OfBuffer.Pool.Return(_part);
            _part = null;
        }
    }

    private bool TryStartFlows(ReadOnlySpan<byte> body, uint xid, out OfError error)
    {
        if (!FlowStatsMessage.TryDecodeRequest(body, out _filter, out error))
        {
            return false;
        }
        _xid = xid;
        _cursor = 0;
        _part = OfBuffer.Pool.Get();
        StatsMessage.BeginReply(_part, xid, OfStatsType.Flow);
        Continue();
        return true;
    }

    private bool TryWriteAggregate(ReadOnlySpan<byte> body, uint xid, out OfError error)
    {
        if (!AggregateStatsMessage.TryDecodeRequest(body, out FlowFilter filter, out error))
        {
            return false;
        }
        AggregateStatistics total = _control.Flows.Aggregate(filter);
        OfBuffer reply = Reply;
        int start = StatsMessage.BeginReply(reply, xid, OfStatsType.Aggregate);
        AggregateStatsMessage.WriteEntry(reply, total);
        StatsMessage.EndReply(reply, start);
        return true;
    }

    private bool TryWriteDescription(OfStatsType type, ReadOnlySpan<byte> body, uint xid, OfBuffer reply, out OfError error)
    {
        if (!OfMessage.HasLength(body, 0, out error))
        {
            return false;
        }
        int start = StatsMessage.BeginReply(reply, xid, type);
        if (type == OfStatsType.Description)
        {
            DescriptionStatsMessage.WriteEntry(reply, _description);
        }
        else
        {
            TableStatsMessage.WriteEntry(reply, _control.ReadTable());
        }
        StatsMessage.EndReply(reply, start);
        return true;
    }

    /// <summary>A port that does not exist yields an empty reply: version 1.0 has no error for it. A long answer comes in parts.</summary>
    private bool TryWritePorts(ReadOnlySpan<byte> body, uint xid, OfBuffer reply, out OfError error)
    {
        if (!PortStatsMessage.TryDecodeRequest(body, out ushort wanted, out error))
        {
            return false;
        }
        int start = StatsMessage.BeginReply(reply, xid, OfStatsType.Port);
        foreach (ushort port in _control.Ports.Numbers)
        {
            if ((wanted != PortNumber.None && wanted != port) || !_control.Ports.TryRead(port, out PortStatistics statistics))
            {
                continue;
            }
            if (reply.Length - start + PortStatsMessage.EntrySize > PartSize)
            {
                StatsMessage.EndReply(reply, start, more: true);
                start = StatsMessage.BeginReply(reply, xid, OfStatsType.Port);
            }
            PortStatsMessage.WriteEntry(reply, statistics);
        }
        StatsMessage.EndReply(reply, start);
        return true;
    }
}
