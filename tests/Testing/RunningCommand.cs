using System.Diagnostics;
using System.Text;

namespace Softswitch.Testing;

/// <summary>A command that runs beside the test; killed with its children when disposed.</summary>
/// <remarks>Threads: any. Output is gathered as it comes.</remarks>
internal sealed class RunningCommand : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly string _command;

    private RunningCommand(Process process, string command)
    {
        _process = process;
        _command = command;
    }

    public int ProcessId => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Standard output so far.</summary>
    public string Output => Read(_output);

    /// <summary>Standard error so far.</summary>
    public string Error => Read(_error);

    public static RunningCommand Start(string file, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string command = $"{file} {string.Join(' ', start.ArgumentList)}";
        var running = new RunningCommand(new Process { StartInfo = start }, command);
        running._process.OutputDataReceived += (_, line) => Append(running._output, line.Data);
        running._process.ErrorDataReceived += (_, line) => Append(running._error, line.Data);
        running._process.Start();
        running._process.StandardInput.Close();
        running._process.BeginOutputReadLine();
        running._process.BeginErrorReadLine();
        return running;
    }

    /// <summary>Waits for the end and gives the result.</summary>
    /// <exception cref="TimeoutException">It ran on after <paramref name="bound"/>; it has been killed.</exception>
    public CommandResult WaitForEnd(TimeSpan bound)
    {
        if (!_process.WaitForExit(bound))
        {
            Kill();
            throw new TimeoutException($"'{_command}' was still running after {bound}; it said: {Error}{Output}");
        }
        _process.WaitForExit(); // the readers have seen the end too
        return new CommandResult(_command, _process.ExitCode, Output, Error);
    }

    /// <summary>Waits until the output or the error stream contains <paramref name="text"/>.</summary>
    /// <exception cref="TimeoutException">It did not appear within <paramref name="bound"/>, or the command ended without it.</exception>
    public void WaitForText(string text, TimeSpan bound)
    {
        long start = Stopwatch.GetTimestamp();
        while (!Output.Contains(text, StringComparison.Ordinal) && !Error.Contains(text, StringComparison.Ordinal))
        {
            bool ended = _process.WaitForExit(10);
            if (ended)
            {
                _process.WaitForExit();
            }
            bool said = Output.Contains(text, StringComparison.Ordinal) || Error.Contains(text, StringComparison.Ordinal);
            if (!said && (ended || Stopwatch.GetElapsedTime(start) > bound))
            {
                throw new TimeoutException($"'{_command}' did not say '{text}'; it said: {Error}{Output}");
            }
        }
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(TimeSpan.FromSeconds(5));
        }
        catch (InvalidOperationException)
        {
            // Ended already.
        }
    }

    private static void Append(StringBuilder builder, string? line)
    {
        if (line != null)
        {
            lock (builder)
            {
                builder.Append(line).Append('\n');
            }
        }
    }

    private static string Read(StringBuilder builder)
    {
        lock (builder)
        {
            return builder.ToString();
        }
    }
}
