using System.Net;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Web.Tests;

/// <summary>A switch with two ports of the program's and its page, at a loopback port of the system's choice.</summary>
internal sealed class ServedSwitch : IDisposable
{
    private TestTraffic? _traffic;

    public ServedSwitch(int port = 0, ulong datapathId = 0x51, string left = "left", string right = "right", TimeProvider? time = null)
    {
        Switch = SwitchHost.Start(new SwitchOptions { DatapathId = datapathId, Datapath = new() { FrameCount = 4096 } });
        Left = Switch.AddProgramPort(left);
        Right = Switch.AddProgramPort(right);
        Server = WebServer.Start(Switch, WebListener.Open(new IPEndPoint(IPAddress.Loopback, port)), line => Said = line, time);
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

    public void BeginTraffic() => _traffic = new TestTraffic(Switch, Left, Right);

    public void Dispose()
    {
        _traffic?.Dispose();
        Client.Dispose();
        Server.Dispose();
        Switch.Dispose();
    }
}
