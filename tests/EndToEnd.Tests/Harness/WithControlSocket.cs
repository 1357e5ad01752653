using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Web;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>Tests with a folder of their own, and in it the path of a control socket.</summary>
public abstract class WithControlSocket : IDisposable
{
    protected DirectoryInfo Folder { get; } = Directory.CreateTempSubdirectory("softswitch-test-");

    protected string SocketPath => PathOf("control");

    /// <summary>For <c>--control</c>.</summary>
    protected string Control => $"punix:{SocketPath}";

    /// <summary>For tools.</summary>
    protected string Target => $"unix:{SocketPath}";

    public virtual void Dispose()
    {
        Folder.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    protected string PathOf(string name) => Path.Combine(Folder.FullName, name);

    /// <summary>A switch in this process that tools reach.</summary>
    protected SwitchHost StartHost(params (string Option, string Value)[] settings)
    {
        SwitchHost host = SwitchHost.Start(SwitchOptions.Parse([.. settings, ("control", Control)]));
        ManagementServer.Serve(host);
        return host;
    }

    protected string Status() => SwitchProgram.Execute("status", Target).Checked().Output;
}
