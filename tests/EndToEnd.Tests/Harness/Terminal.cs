using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>A command on a terminal of its own, by script(1): what it shows is in a file, and keys come from a pipe.</summary>
internal sealed class Terminal : IDisposable
{
    private readonly string _shown;
    private readonly string _device;
    private readonly string _process;
    private readonly RunningCommand _script;
    private readonly FileStream _keys;

    /// <param name="folder">For its files.</param>
    /// <param name="command">Without quotes.</param>
    /// <param name="sockets">Where it finds switches.</param>
    public Terminal(DirectoryInfo folder, string command, string sockets)
    {
        (_shown, _device, _process) = (Path.Combine(folder.FullName, "shown"), Path.Combine(folder.FullName, "device"), Path.Combine(folder.FullName, "process"));
        string keys = Path.Combine(folder.FullName, "keys");
        RunningCommand.Execute("mkfifo", keys).Checked();
        // The shell ends with 99 if the command left the terminal other than it was.
        string inside = $"stty rows 24 cols 80; before=$(stty -g); tty > {_device}; sh -c 'echo $$ > {_process}; exec {command}'; code=$?; [ \"$before\" = \"$(stty -g)\" ] || exit 99; exit $code";
        _script = RunningCommand.Start(
            "sh", ["-c", $"exec script -qefc \"$INSIDE\" {_shown} < {keys}"],
            new Dictionary<string, string> { ["INSIDE"] = inside, ["SOFTSWITCH_RUNDIR"] = sockets, ["SHELL"] = "/bin/sh" });
        _keys = new FileStream(keys, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    /// <summary>All that was written to the terminal, but for what script(1) says of itself.</summary>
    public string Shown
    {
        get
        {
            string text = File.Exists(_shown) ? File.ReadAllText(_shown) : "";
            int start = text.IndexOf('\n', StringComparison.Ordinal) + 1;
            int end = text.LastIndexOf("\nScript done", StringComparison.Ordinal);
            return text[start..(end < start ? text.Length : end)].Replace("\r", "", StringComparison.Ordinal);
        }
    }

    public void WaitFor(string text) => Eventually.True(() => Shown.Contains(text, StringComparison.Ordinal), () => $"'{text}' in: {Shown} {_script.Error}");

    public void Type(string keys) => _keys.Write(System.Text.Encoding.UTF8.GetBytes(keys));

    public void Resize(int rows, int columns) =>
        RunningCommand.Execute("stty", "-F", File.ReadAllText(_device).Trim(), "rows", $"{rows}", "cols", $"{columns}").Checked();

    /// <summary>To the command itself.</summary>
    public void Signal(string signal) => RunningCommand.Execute("kill", $"-{signal}", File.ReadAllText(_process).Trim()).Checked();

    /// <returns>The command's exit code; 99 if it left the terminal other than it was.</returns>
    public int WaitForEnd() => _script.WaitForEnd(SwitchProgram.Patience).ExitCode;

    public void Dispose()
    {
        _keys.Dispose();
        _script.Dispose();
    }
}
