namespace Softswitch.Datapath.Ports;

/// <summary>A network interface of this machine behind a port's device; others may rename it, change it or take it away.</summary>
/// <remarks>Threads: any.</remarks>
internal interface INetworkInterface
{
    /// <summary>The interface's identity in its network namespace; it stays while names change.</summary>
    int InterfaceIndex { get; }

    /// <summary>Whether packets can still come from the interface and go to it; once false it stays so, and the device is of no use any more.</summary>
    bool HasInterface { get; }

    /// <summary>The largest MTU of the interface at which all its packets pass; 0 without a limit.</summary>
    int HighestMtu { get; }

    /// <summary>Whether local stacks send through the interface and the backend is not told what they left to be done: it is recognised, but never inside of a tunnel.</summary>
    bool HidesPartialChecksums => false;
}
