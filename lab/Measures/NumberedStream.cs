using System.Diagnostics;

namespace Softswitch.Lab.Measures;

/// <summary>Numbered packets at a steady rate, from a thread that sends to one that receives, until it is stopped.</summary>
/// <remarks>
/// The sender sleeps a millisecond at a time and then sends what is due, so that two processors suffice for a lab. Threads: made, stopped and
/// disposed of by one.
/// </remarks>
internal abstract class NumberedStream : IDisposable
{
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan LongestSettling = TimeSpan.FromSeconds(3);

    // On a way that must lose nothing only a loss takes as long.
    private static readonly TimeSpan LongestArriving = TimeSpan.FromSeconds(30);

    private readonly double _perSecond;
    private readonly int _mostUnderWay;
    private readonly Thread _sender;
    private readonly Thread _receiver;
    private volatile bool _isSending = true;
    private volatile bool _isReceiving = true;

    /// <param name="capacity">Packets there can be; it goes quiet after so many.</param>
    /// <param name="mostUnderWay">
    /// For a way that must lose nothing: as many as every queue on it holds, so that a thread that a busy machine keeps waiting costs time, and no packet.
    /// </param>
    protected NumberedStream(string name, double perSecond, int capacity, int mostUnderWay = int.MaxValue)
    {
        Name = name;
        _perSecond = perSecond;
        _mostUnderWay = mostUnderWay;
        Record = new StreamRecord(capacity);
        _sender = new Thread(Send) { IsBackground = true, Name = $"send {name}" };
        _receiver = new Thread(Receive) { IsBackground = true, Name = $"receive {name}" };
    }

    /// <summary>For people: what it is, from where to where.</summary>
    public string Name { get; }

    public StreamRecord Record { get; }

    /// <summary>Stops sending, waits for what is still under way, and returns the figures.</summary>
    public StreamSummary Stop()
    {
        _isSending = false;
        _sender.Join();
        long began = Stopwatch.GetTimestamp();
        // A switch that a busy machine keeps waiting is as quiet as one that has nothing left: what was sent last tells.
        bool losesNothing = _mostUnderWay < int.MaxValue;
        bool IsUnderWay() => losesNothing ? Record.Received < Record.Sent : !Record.HasLastArrived;
        while (IsUnderWay() && Stopwatch.GetElapsedTime(began) < (losesNothing ? LongestArriving : LongestSettling))
        {
            Thread.Sleep(1);
        }
        int received;
        do
        {
            received = Record.Received;
            Thread.Sleep(Settling);
        }
        while (Record.Received != received && Stopwatch.GetElapsedTime(began) < LongestSettling);
        _isReceiving = false;
        _receiver.Join();
        return Record.Summarise();
    }

    public void Dispose()
    {
        _isSending = false;
        _isReceiving = false;
        _sender.Join();
        _receiver.Join();
        Close();
    }

    /// <summary>To be called at the end of the derived constructor, and once.</summary>
    protected void Start()
    {
        _receiver.Start();
        _sender.Start();
    }

    /// <summary>Sends the packet of this number. One that the system does not take is a lost one.</summary>
    protected abstract void SendOne(int number);

    /// <summary>Waits for packets for about ten milliseconds, and reports each to <see cref="Record"/>.</summary>
    protected abstract void ReceiveSome();

    protected abstract void Close();

    private void Send()
    {
        var pace = new Pace(_perSecond);
        while (_isSending && Record.Sent < Record.Capacity)
        {
            while (_isSending && Record.Sent < Math.Min(pace.Due, Record.Capacity) && Record.Sent - Record.Received < _mostUnderWay)
            {
                SendOne(Record.BeginSend(Stopwatch.GetTimestamp()));
            }
            Thread.Sleep(1);
        }
    }

    private void Receive()
    {
        while (_isReceiving)
        {
            ReceiveSome();
        }
        ReceiveSome(); // what waits in the socket has arrived, however late this thread is
    }
}
