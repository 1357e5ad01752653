using Softswitch.Datapath.Control;
using Softswitch.Hosting.Captures;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>A capture that runs while something is measured: written down as ever, and thrown away.</summary>
internal sealed class BenchCapture : IDisposable
{
    private readonly DatapathControl _control;
    private readonly CaptureStream _stream;
    private readonly Thread _thread;
    private volatile bool _isOver;

    /// <param name="match">Which packets, as they come and as they leave, in ovs-ofctl's words.</param>
    /// <exception cref="Hosting.Configuration.OptionException">It is no match.</exception>
    public BenchCapture(DatapathControl control, string match)
    {
        _control = control;
        _stream = new CaptureStream(control, new CaptureRequest { Match = match }, static port => throw new InvalidOperationException(port));
        _thread = new Thread(() => _stream.Run(Stream.Null, () => _isOver)) { IsBackground = true, Name = "capture" };
        _thread.Start();
    }

    /// <summary>Workers have nothing to do with it until <see cref="Resume"/>.</summary>
    public void Pause()
    {
        using ControlScope scope = _control.EnterWithoutTable();
        _control.Pipeline.RemoveCapture(_stream.Capture);
    }

    public void Resume()
    {
        using ControlScope scope = _control.EnterWithoutTable();
        _control.Pipeline.TryAddCapture(_stream.Capture);
    }

    /// <summary>Ends it, and says what it took and what it left.</summary>
    /// <param name="kept">Rates with it, each divided by one without it a moment before.</param>
    public void Report(BenchResult result, List<double> kept)
    {
        _isOver = true;
        _thread.Join();
        result.Add("kept", Statistic.Median([.. kept]), 3);
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
