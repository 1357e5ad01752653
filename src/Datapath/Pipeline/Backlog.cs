using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>The waiting packets of one receive queue, in order: a packet that costs more than a pass may take, and the packets behind it.</summary>
/// <remarks>
/// The packets are admitted but not looked up: the worker looks them up when their turn comes. It receives nothing from the queue while packets
/// wait here, so only this queue's device has to wait or drop. Threads: one worker.
/// </remarks>
internal sealed unsafe class Backlog(nint ingress)
{
    private const int Capacity = Worker.BatchesPerQueue * PacketBatch.Capacity;

    private readonly Packet[] _packets = new Packet[Capacity];
    private readonly ushort[] _inPorts = new ushort[Capacity];
    private int _first;

    /// <summary>The account of the port that received the packets; it counts them as held.</summary>
    public PacketAccount* Ingress => (PacketAccount*)ingress;

    public int Count { get; private set; }

    /// <summary>What the queue's packets cost over its share, in units of <see cref="PacketCost"/>.</summary>
    public int Debt { get; set; }

    /// <summary>Whether the packet that was removed last is still under way: the packets behind it have to wait.</summary>
    public bool IsUnderWay { get; set; }

    public bool HoldsUp => Count > 0 || IsUnderWay;

    /// <summary>Whether it is the queue's turn to be received from.</summary>
    public bool IsClear => !HoldsUp && Debt == 0;

    /// <summary>Skips a pass, which pays a part of the debt.</summary>
    public void WaitForTurn() => Debt = Math.Max(0, Debt - PacketCost.Share);

    /// <summary>Takes ownership of packets, behind those that wait.</summary>
    /// <returns>How many fit. The batches of a queue that are under way always fit.</returns>
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

    /// <summary>Copies the first packets, as far as they have the same in_port, to an empty batch. They stay here, too, until <see cref="Remove"/>.</summary>
    public void CopyTo(PipelineBatch batch)
    {
        batch.InPort = _inPorts[_first];
        batch.Ingress = Ingress;
        for (int i = 0; i < Math.Min(Count, PacketBatch.Capacity) && _inPorts[(_first + i) % Capacity] == batch.InPort; i++)
        {
            batch.Packets.Add(_packets[(_first + i) % Capacity]);
        }
    }

    /// <summary>Gives up the ownership of the first packets.</summary>
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
