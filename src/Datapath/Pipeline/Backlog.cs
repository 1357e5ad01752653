using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Packets of one receive queue that wait, in order: one that costs more than a pass may take, and those behind it.</summary>
/// <remarks>
/// They are admitted and not looked up yet: what becomes of them is the table's of when their turn comes. Nothing is received from the queue while
/// there are any, so its device has to wait or drop, and no other. Threads: one worker.
/// </remarks>
internal sealed unsafe class Backlog(nint ingress)
{
    private const int Capacity = Worker.BatchesPerQueue * PacketBatch.Capacity;

    private readonly Packet[] _packets = new Packet[Capacity];
    private readonly ushort[] _inPorts = new ushort[Capacity];
    private int _first;

    /// <summary>Where the packets came in; they are held there.</summary>
    public PacketAccount* Ingress => (PacketAccount*)ingress;

    public int Count { get; private set; }

    /// <summary>What the queue's packets cost over its share, in units of <see cref="PacketCost"/>.</summary>
    public int Debt { get; set; }

    /// <summary>Whether the last that was removed is under way: what comes behind it has to wait.</summary>
    public bool IsUnderWay { get; set; }

    public bool HoldsUp => Count > 0 || IsUnderWay;

    /// <summary>Whether it is the queue's turn to be received from.</summary>
    public bool IsClear => !HoldsUp && Debt == 0;

    /// <summary>Lets a pass go by.</summary>
    public void WaitForTurn() => Debt = Math.Max(0, Debt - PacketCost.Share);

    /// <summary>Takes ownership of packets, behind those that wait.</summary>
    /// <returns>How many fit. All that a queue's batches under way can bring do.</returns>
    public int Add(ReadOnlySpan<Packet> packets, ushort inPort)
    {
        int fitting = Math.Min(packets.Length, Capacity - Count);
        for (int i = 0; i < fitting; i++)
        {
            int place = (_first + Count + i) % Capacity;
            _packets[place] = packets[i];
            _inPorts[place] = inPort;
        }
        Count += fitting;
        Ingress->Held += (uint)fitting;
        return fitting;
    }

    /// <summary>Fills an empty batch with the first of them, as far as they have one in_port; they stay here, too, until <see cref="Remove"/>.</summary>
    public void CopyTo(PipelineBatch batch)
    {
        batch.InPort = _inPorts[_first];
        batch.Ingress = Ingress;
        for (int i = 0; i < Math.Min(Count, PacketBatch.Capacity) && _inPorts[(_first + i) % Capacity] == batch.InPort; i++)
        {
            batch.Packets.Add(_packets[(_first + i) % Capacity]);
        }
    }

    /// <summary>Ends the ownership of the first of them.</summary>
    public void Remove(int count)
    {
        _first = (_first + count) % Capacity;
        Count -= count;
        Ingress->Held -= (uint)count;
    }

    /// <summary>Drops all: the port is gone.</summary>
    public void Drop(FrameCache frames)
    {
        while (Count > 0)
        {
            frames.Drop(_packets[_first], DropReason.NoSuchPort, Ingress);
            Remove(1);
        }
    }
}
