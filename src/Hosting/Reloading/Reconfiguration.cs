using Softswitch.Hosting.Configuration;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting.Reloading;

/// <summary>Steps of a change that are undone, the last first, where one of them fails.</summary>
internal sealed class Reconfiguration
{
    private readonly Stack<Action> _undo = new();

    /// <param name="step">One that changes nothing where it throws.</param>
    /// <param name="undo">What makes it as if it had not been.</param>
    public void Do(Action step, Action undo)
    {
        step();
        _undo.Push(undo);
    }

    /// <summary>A step for each thing.</summary>
    public void DoAll<T>(IEnumerable<T> things, Action<T> step, Action<T> undo)
    {
        foreach (T thing in things)
        {
            Do(() => step(thing), () => undo(thing));
        }
    }

    /// <summary>Why something could not be changed, a line for each reason.</summary>
    public static string[] ReasonsOf(Exception e) => e is OptionException or PortException or SystemCallException or IOException
        ? e.Message.Split('\n') : [$"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}"];

    /// <summary>Undoes all steps. Does not throw.</summary>
    /// <returns>What came of it: a line, and one for each step that could not be undone.</returns>
    public IReadOnlyList<string> Undo()
    {
        string done = _undo.Count == 0 ? "nothing was changed" : "all that had been changed was changed back";
        List<string> failures = [];
        while (_undo.TryPop(out Action? undo))
        {
            try
            {
                undo();
            }
            catch (Exception e) when (e is OptionException or PortException or IOException or ObjectDisposedException)
            {
                failures.AddRange(e.Message.Split('\n').Select(line => $"could not be changed back: {line}"));
            }
        }
        return [.. failures, failures.Count == 0 ? done : "the rest was changed back"];
    }
}
