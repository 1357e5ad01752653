using System.Runtime.InteropServices;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>The connections that are served. It passes the datapath's events to each, and counts over all connections there ever were.</summary>
/// <remarks>Threads: under the control lock. No event blocks.</remarks>
internal sealed class ControllerSessions : IControlEvents
{
    private readonly List<ControllerConnection> _connections = [];
    private readonly Dictionary<OfError, long> _refusedFlowMods = [];
    private long _droppedPacketInsBefore;
    private long _endedConnections;

    public IReadOnlyList<ControllerConnection> All => _connections;

    /// <summary>Connections on which HELLOs were exchanged, ever.</summary>
    public long EstablishedConnections => _endedConnections + _connections.Count(connection => connection.Session.IsNegotiated);

    /// <summary>Packet-ins lost by slow readers, over all connections there were.</summary>
    public long DroppedPacketIns => _droppedPacketInsBefore + _connections.Sum(connection => connection.Out.DroppedPacketIns);

    /// <summary>Flow-mods answered with an error, by OpenFlow's name for it.</summary>
    public IReadOnlyDictionary<string, long> ReadRefusedFlowMods() => _refusedFlowMods.ToDictionary(refused => refused.Key.Name, refused => refused.Value);

    public void Add(ControllerConnection connection)
    {
        if (!connection.IsEnding) // the controller may have been removed meanwhile
        {
            _connections.Add(connection);
        }
    }

    /// <returns>Whether it was among them.</returns>
    public bool Remove(ControllerConnection connection)
    {
        bool isRemoved = _connections.Remove(connection);
        _droppedPacketInsBefore += isRemoved ? connection.Out.DroppedPacketIns : 0;
        _endedConnections += isRemoved && connection.Session.IsNegotiated ? 1 : 0;
        return isRemoved;
    }

    /// <summary>A flow-mod is answered with an error.</summary>
    public void CountRefusedFlowMod(OfError error) => CollectionsMarshal.GetValueRefOrAddDefault(_refusedFlowMods, error, out _)++;

    /// <summary>At most one connection is master.</summary>
    public void DemoteMasters() => _connections.ForEach(connection => connection.Session.Demote());

    public void OnPacketIn(in PacketIn packetIn)
    {
        foreach (ControllerConnection connection in _connections)
        {
            lock (connection.Out.Appending)
            {
                connection.Session.OnPacketIn(packetIn);
            }
        }
    }

    public long OnFlowsRemoved(int limit, bool force)
    {
        long taken = long.MaxValue;
        foreach (ControllerConnection connection in _connections)
        {
            bool fits;
            lock (connection.Out.Appending)
            {
                fits = connection.Session.TakeFlowRemoved(limit, force);
            }
            CloseIfFull(connection, fits);
            taken = Math.Min(taken, connection.Session.FlowRemovedTaken);
        }
        return taken;
    }

    public void OnPortStatus(PortStatusReason reason, in PortDescription port)
    {
        foreach (ControllerConnection connection in _connections)
        {
            bool fits;
            lock (connection.Out.Appending)
            {
                fits = connection.Session.OnPortStatus(reason, port);
            }
            CloseIfFull(connection, fits);
        }
    }

    /// <summary>Writes what was counted, for another process to go on with.</summary>
    public void Save(BinaryWriter to)
    {
        to.Write(EstablishedConnections);
        to.Write(DroppedPacketIns);
        to.Write(_refusedFlowMods.Count);
        foreach ((OfError error, long count) in _refusedFlowMods)
        {
            to.Write((ushort)error.Type);
            to.Write(error.Code);
            to.Write(count);
        }
    }

    /// <summary>Goes on from what <see cref="Save"/> wrote.</summary>
    public void Restore(BinaryReader from)
    {
        _endedConnections += from.ReadInt64();
        _droppedPacketInsBefore += from.ReadInt64();
        for (int errors = from.ReadInt32(); errors > 0; errors--)
        {
            OfError error = new((OfErrorType)from.ReadUInt16(), from.ReadUInt16());
            CollectionsMarshal.GetValueRefOrAddDefault(_refusedFlowMods, error, out _) += from.ReadInt64();
        }
    }

    private static void CloseIfFull(ControllerConnection connection, bool fits)
    {
        if (!fits)
        {
            connection.Close($"closed: it does not read, and {OutboundQueue.StateLimit >> 20} MiB wait for it");
        }
    }
}
