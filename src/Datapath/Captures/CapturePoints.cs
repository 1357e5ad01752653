namespace Softswitch.Datapath.Captures;

/// <summary>Where packets are captured.</summary>
[Flags]
internal enum CapturePoints : byte
{
    None = 0,

    /// <summary>As a port received them, before anything changed them.</summary>
    Received = 1,

    /// <summary>As they are given to a port's device. Those it refuses do not count.</summary>
    Sent = 2,

    /// <summary>Where they ended inside the switch.</summary>
    Dropped = 4,
}
