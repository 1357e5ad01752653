using System.Runtime.InteropServices;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <content>What goes along when another process goes on with the switch.</content>
internal sealed partial class SwitchAgent
{
    /// <summary>Writes what it has counted, for another process to go on with. Under the control lock.</summary>
    internal void Save(BinaryWriter to)
    {
        to.Write(HasContact);
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

    /// <summary>Goes on from what <see cref="Save"/> wrote. Under the control lock.</summary>
    internal void Restore(BinaryReader from)
    {
        if (from.ReadBoolean())
        {
            PresumeContact();
        }
        _endedConnections += from.ReadInt64();
        _droppedPacketInsBefore += from.ReadInt64();
        for (int errors = from.ReadInt32(); errors > 0; errors--)
        {
            OfError error = new((OfErrorType)from.ReadUInt16(), from.ReadUInt16());
            CollectionsMarshal.GetValueRefOrAddDefault(_refusedFlowMods, error, out _) += from.ReadInt64();
        }
    }
}
