using System.Net;
using Softswitch.Hosting;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>A switch with two ports of the program's and its page, at a loopback port of the system's choice.</summary>
internal sealed class ServedSwitch : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private Thread? _sender;

    public ServedSwitch(int port = 0, ulong datapathId = 0x51, string left = "left", string right = "right")
    {
        Switch = SwitchHost.Start(new SwitchOptions { DatapathId = datapathId, Datapath = new() { FrameCount = 4096 } });
        Left = Switch.AddProgramPort(left);
        Right = Switch.AddProgramPort(right);
        Server = WebServer.Start(Switch, WebListener.Open(new IPEndPoint(IPAddress.Loopback, port)), line => Said = line);
        Client = new HttpClient { BaseAddress = Address };
    }

    public SwitchHost Switch { get; }

    public ProgramPort Left { get; }

    public ProgramPort Right { get; }

    public WebServer Server { get; }

    public HttpClient Client { get; }

    /// <summary>What the start said.</summary>
    public string Said { get; private set; } = string.Empty;

    /// <summary>What lets see packets' contents.</summary>
    public string Token => Said[(Said.IndexOf('=', StringComparison.Ordinal) + 1)..];

    public Uri Address => new(Server.Address);

    /// <summary>Sends packets from left to right, and what has no way, until it ends.</summary>
    public void BeginTraffic()
    {
        Switch.AddFlow("in_port=1,udp,actions=output:2");
        Switch.AddFlow("in_port=1,tcp,actions=output:77");
        byte[] arriving = TestPacket.Udp();
        byte[] lost = TestPacket.Tcp();
        var buffer = new byte[2048];
        _sender = new Thread(() =>
        {
            while (!_end.Token.WaitHandle.WaitOne(1))
            {
                Left.TrySend(arriving);
                Left.TrySend(lost);
                Right.TryReceive(buffer, out _);
            }
        });
        _sender.Start();
    }

    public void Dispose()
    {
        _end.Cancel();
        _sender?.Join();
        Client.Dispose();
        Server.Dispose();
        Switch.Dispose();
        _end.Dispose();
    }
}
