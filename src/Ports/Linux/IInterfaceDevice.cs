using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Linux;

/// <summary>A port's device that is a network interface of this machine, and may be renamed, changed or taken away by others.</summary>
/// <remarks>Threads: any. Name and address are as of the last <see cref="IPortDevice.ReadLink"/>.</remarks>
public interface IInterfaceDevice : IPortDevice
{
    /// <summary>The interface's identity in its network namespace; it stays while names change.</summary>
    int InterfaceIndex { get; }

    /// <summary>Whether packets can still come from the interface and go to it; once false it stays so, and the device is of no use any more.</summary>
    bool HasInterface { get; }

    /// <summary>The largest MTU of the interface at which all its packets pass; 0 without a limit.</summary>
    int HighestMtu { get; }

    /// <summary>Whether local stacks send through the interface and the backend is not told what they left unfinished: it is recognised, but never inside of a tunnel.</summary>
    bool HidesUnfinishedChecksums => false;
}
