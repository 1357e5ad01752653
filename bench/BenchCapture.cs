using Softswitch.Datapath.Control;
using Softswitch.Hosting.Captures;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>A capture that runs while something is measured: written down as ever, and thrown away.</summary>
internal sealed class BenchCapture : IDisposable
{
    private readonly CaptureStream _stream;
    private readonly Thread _thread;
    private volatile bool _isOver;

    /// <param name="match">Which packets, as they come and as they leave, in ovs-ofctl's words.</param>
    /// <exception cref="Hosting.OptionException">It is no match.</exception>
    public BenchCapture(DatapathControl control, string match)
    {
        _stream = new CaptureStream(control, new CaptureRequest { Match = match }, static port => throw new InvalidOperationException(port));
        _thread = new Thread(() => _stream.Run(Stream.Null, () => _isOver)) { IsBackground = true, Name = "capture" };
        _thread.Start();
    }

    /// <summary>Ends it, and says what it took.</summary>
    public void Report(BenchResult result)
    {
        _isOver = true;
        _thread.Join();
        result.Add("captured", _stream.Packets);
        result.Add("captureLost", _stream.Lost);
    }

    public void Dispose()
    {
        _isOver = true;
        _thread.Join();
        _stream.Dispose();
    }
}
