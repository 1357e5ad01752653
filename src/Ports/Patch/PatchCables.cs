using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Patch;

/// <summary>
/// The cables between ports of one process. A port's specification names its cable; the two ports that name the same cable are its ends.
/// </summary>
/// <remarks>An end that is alone waits, its link down. Threads: any.</remarks>
internal sealed class PatchCables
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PatchPort?[]> _cables = new(StringComparer.Ordinal);
    private readonly FramePool _frames;
    private readonly int _queues;
    private readonly TimeProvider _clock;

    /// <param name="frames">Of all datapaths that the cables join: packets pass in their frames.</param>
    /// <param name="queues">Of each end; as many as a datapath has workers, so that none has to hand packets to another.</param>
    /// <param name="clock">Tells how long an end is alone; null for the system's.</param>
    public PatchCables(FramePool frames, int queues, TimeProvider? clock = null)
    {
        _frames = frames;
        _queues = queues;
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>Opens one end of a cable. It is closed by disposing of it.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="cable">Its name.</param>
    /// <param name="frames">Of the datapath that the end is for.</param>
    /// <exception cref="PortException">The cable has two ends already, or the datapath has other frames.</exception>
    public PatchPort Open(string port, string cable, FramePool frames)
    {
        if (frames != _frames)
        {
            throw new PortException($"{port}: a patch cable joins switches of one process only");
        }
        PatchPort end;
        PatchPort? far;
        lock (_lock)
        {
            if (!_cables.TryGetValue(cable, out PatchPort?[]? ends))
            {
                _cables.Add(cable, ends = new PatchPort?[2]);
            }
            int place = Array.IndexOf(ends, null);
            if (place < 0)
            {
                throw new PortException($"{port}: the cable has two ends already: {ends[0]!.Opener} and {ends[1]!.Opener}");
            }
            far = ends[1 - place];
            end = ends[place] = new PatchPort(this, port, cable, place, _queues, _clock);
            if (far != null)
            {
                end.Connect(far);
            }
        }
        far?.RaiseChanged(); // without the lock: a handler may call back
        return end;
    }

    /// <summary>Takes an end away. No worker uses its queues any more; the far end's may.</summary>
    internal void Close(PatchPort end)
    {
        PatchPort? far;
        lock (_lock)
        {
            PatchPort?[] ends = _cables[end.Name];
            int place = Array.IndexOf(ends, end);
            far = ends[1 - place];
            ends[place] = null;
            if (far == null)
            {
                _cables.Remove(end.Name);
            }
            end.Disconnect(_frames);
        }
        far?.RaiseChanged();
    }
}
