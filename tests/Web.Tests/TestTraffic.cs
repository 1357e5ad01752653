using Softswitch.Hosting;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Sends packets from one port of a switch to another, and what has no way, until it ends.</summary>
internal sealed class TestTraffic : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _sender;

    public TestTraffic(SwitchHost host, ProgramPort left, ProgramPort right)
    {
        host.AddFlow($"in_port={left.Number},udp,actions=output:{right.Number}");
        host.AddFlow($"in_port={left.Number},tcp,actions=output:77");
        byte[] arriving = TestPacket.Udp();
        byte[] lost = TestPacket.Tcp();
        var buffer = new byte[2048];
        _sender = new Thread(() =>
        {
            while (!_end.Token.WaitHandle.WaitOne(1))
            {
                left.TrySend(arriving);
                left.TrySend(lost);
                right.TryReceive(buffer, out _);
            }
        });
        _sender.Start();
    }

    public void Dispose()
    {
        _end.Cancel();
        _sender.Join();
        _end.Dispose();
    }
}
