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

    protected string Status() => SwitchProgram.Execute("status", Target).Checked().Output;
}
