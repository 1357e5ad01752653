namespace Softswitch.Datapath.Queues;

/// <summary>A queue of a port as it is configured: struct ofp_packet_queue (OpenFlow 1.0.0 §5.2.2), rates absolute.</summary>
/// <param name="Id">Any number but <see cref="None"/>.</param>
/// <param name="MinRate">Guaranteed, in bit/s; 0 for no guarantee.</param>
/// <param name="MaxRate">Never exceeded, in bit/s; 0 for no limit of its own. OpenFlow 1.0 has no such property.</param>
internal readonly record struct QueueConfig(uint Id, long MinRate = 0, long MaxRate = 0)
{
    /// <summary>OFPQ_ALL, and so no queue's number: a packet that names no queue.</summary>
    public const uint None = 0xffff_ffff;

    /// <summary>Queues a port can have, its own best-effort queue not counted.</summary>
    public const int MaxPerPort = 64;

    /// <summary>Rates beyond this are refused: 1 Tbit/s.</summary>
    public const long HighestRate = 1_000_000_000_000;

    /// <summary>Whether number and rates make sense.</summary>
    public bool IsValid =>
        Id != None && MinRate is >= 0 and <= HighestRate && MaxRate is >= 0 and <= HighestRate && (MaxRate == 0 || MinRate <= MaxRate);
}
