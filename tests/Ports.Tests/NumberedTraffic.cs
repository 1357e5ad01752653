using System.Buffers.Binary;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>Numbered frames from one interface to another, by a thread of its own, no more under way than the smallest queue holds: each has to come, once and in order.</summary>
internal sealed class NumberedTraffic : IDisposable
{
    private const int NumberAt = 42;
    private const int MostUnderWay = 100;

    private readonly RawSocket _from;
    private readonly RawSocket _to;
    private readonly byte[] _frame;
    private readonly Thread _thread;
    private volatile bool _stop;
    private volatile string? _mistake;
    private long _sent;
    private long _received;

    /// <param name="from">Where they are sent; this object's from now on.</param>
    /// <param name="to">Where they have to come; as above.</param>
    /// <param name="port">Tells them from others'.</param>
    public NumberedTraffic(RawSocket from, RawSocket to, ushort port)
    {
        _from = from;
        _to = to;
        _frame = TestPacket.Udp(srcPort: port, payload: 64);
        _thread = new Thread(Run);
        _thread.Start();
    }

    public long Received => Volatile.Read(ref _received);

    /// <summary>Waits for that many more.</summary>
    public void Expect(long more)
    {
        long wanted = Received + more;
        Eventually.True(() => _mistake != null || Received >= wanted, () => $"{Received} of {wanted} frames came, {Volatile.Read(ref _sent)} were sent");
        Assert.Null(_mistake);
    }

    /// <summary>Sends no more, and waits for all that were sent.</summary>
    public void Finish()
    {
        _stop = true;
        Eventually.True(() => _mistake != null || Received == Volatile.Read(ref _sent), () => $"{Received} frames of {Volatile.Read(ref _sent)} came");
        Assert.Null(_mistake);
    }

    public void Dispose()
    {
        _stop = true;
        _mistake ??= "it is over";
        _thread.Join();
        _from.Dispose();
        _to.Dispose();
    }

    private void Run()
    {
        ProcessorAffinity.TrySet(ProcessorAffinity.Read().AsSpan(0, 1)); // two would bring frames out of order, each having a queue of its own
        while (_mistake == null && (!_stop || _received < _sent))
        {
            if (!_stop && _sent - _received < MostUnderWay)
            {
                BinaryPrimitives.WriteInt64BigEndian(_frame.AsSpan(NumberAt), _sent);
                _from.Send(_frame);
                Volatile.Write(ref _sent, _sent + 1);
            }
            while (_to.Receive() is { } got)
            {
                if (got.Length == _frame.Length && got.AsSpan(0, NumberAt).SequenceEqual(_frame.AsSpan(0, NumberAt)))
                {
                    Check(BinaryPrimitives.ReadInt64BigEndian(got.AsSpan(NumberAt)));
                }
            }
        }
    }

    private void Check(long number)
    {
        if (number != _received)
        {
            _mistake = $"frame {number} came where {_received} was due: {(number < _received ? "doubled or late" : "some are lost or late")}";
        }
        Volatile.Write(ref _received, _received + 1);
    }
}
