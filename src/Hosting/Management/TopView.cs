using System.Runtime.InteropServices;
using System.Text;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Hosting.Management;

/// <summary>
/// A <see cref="TopFeed"/> on a terminal: redrawn when there is news, a key or another size, in one write, so that nothing flickers.
/// </summary>
/// <remarks>The terminal is as it was before on every way out. Threads: the caller's draws and reads keys, one of its own asks the
/// switch.</remarks>
internal sealed class TopView(TopFeed feed)
{
    private readonly TextWriter _terminal = StandardStream.Writer(StandardStream.Output);

    private const int Input = 0;
    private const int Output = 1;
    private const int LookMilliseconds = 100;

    private const int Escape = 27;
    private const int Erase = 127;
    private const int Up = 'k';
    private const int Down = 'j';
    private const int Back = 'b';

    // ECMA-48 and xterm: the other screen, the cursor, synchronized output (which terminals without it ignore).
    private const string Enter = "\e[?1049h\e[?25l";
    private const string Leave = "\e[?25h\e[?1049l";
    private const string BeginFrame = "\e[?2026h\e[H";
    private const string EndFrame = "\e[J\e[?2026l";
    private const string EndLine = "\e[K";

    private readonly Lock _lock = new();
    private ITopPage? _page;
    private Exception? _failure;
    private bool _isEnding;
    private TopOrder _order;
    private bool _isPaused;
    private string? _marked;

    /// <summary>Until <c>q</c> is pressed, the terminal goes, or <paramref name="stop"/>.</summary>
    /// <exception cref="OptionException">The switch does not answer, or has ended; the terminal is as it was.</exception>
    public void Run(CancellationToken stop)
    {
        _page = feed.Next(); // what cannot be asked at all is said on the screen there was
        using TerminalMode? mode = TerminalMode.TryEnter(Input);
        // A stop by key would leave the shell a terminal without echo.
        using PosixSignalRegistration? noStop = OperatingSystem.IsWindows() ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGTSTP, static context => context.Cancel = true);
        Thread asking = new(Ask) { Name = "top", IsBackground = true };
        Write(Enter);
        try
        {
            asking.Start();
            Watch(mode, stop);
        }
        finally
        {
            Write(Leave);
            lock (_lock)
            {
                _isEnding = true;
            }
        }
        if (_failure != null)
        {
            throw new OptionException(_failure.Message, _failure);
        }
    }

    private void Watch(TerminalMode? mode, CancellationToken stop)
    {
        ITopPage? drawn = null;
        string state = "";
        bool isOver = false;
        while (!isOver && !stop.IsCancellationRequested)
        {
            ITopPage? page;
            lock (_lock)
            {
                page = _isPaused && drawn != null ? drawn : _page;
                isOver = _failure != null;
            }
            (int columns, int rows) = TerminalMode.ReadSize(Output);
            string now = $"{columns} {rows} {_order} {_isPaused} {_marked}";
            if (page != drawn || now != state)
            {
                Draw(page!, columns, rows);
                (drawn, state) = (page, now);
            }
            int key = ReadKey(mode);
            isOver |= key is 'q' or 'Q' or -1;
            Take(key, page!);
        }
    }

    /// <summary>Keys that send several characters are the letter that does the same.</summary>
    private static int ReadKey(TerminalMode? mode)
    {
        int key = mode?.ReadKey(LookMilliseconds) ?? -1;
        if (key != Escape)
        {
            return key == Erase ? Back : key;
        }
        return mode!.ReadKey(0) is not ('[' or 'O') ? Back : mode.ReadKey(0) switch { 'A' => Up, 'B' => Down, 'D' => Back, _ => 0 };
    }

    private void Take(int key, ITopPage page)
    {
        IReadOnlyList<string> choices = page.Choices(_order);
        if (key == Back)
        {
            feed.Choose(null);
        }
        else if (choices.Count > 0 && key is Up or Down)
        {
            int at = choices.ToList().IndexOf(_marked ?? string.Empty);
            _marked = choices[Math.Clamp(at + (key == Down ? 1 : -1), 0, choices.Count - 1)];
        }
        else if (key is '\n' or '\r' && _marked != null && choices.Contains(_marked))
        {
            feed.Choose(_marked);
        }
        _order = key switch
        { 'n' => TopOrder.Number, 'r' => TopOrder.Received, 't' => TopOrder.Sent, 'd' => TopOrder.Dropped, _ => _order };
        _isPaused ^= key is 'p' or ' ';
    }

    private void Draw(ITopPage page, int columns, int rows)
    {
        bool isOfSeveral = page.Choices(_order).Count > 0;
        string what = isOfSeveral ? "j k Enter choose  by:" : "ports by:";
        string keys = $"q quit  p {(_isPaused ? "go on" : "pause")}  {what} n number  r received  t sent  d drops"
            + (!isOfSeveral && _marked != null ? "  Esc all" : "");
        StringBuilder frame = new(BeginFrame);
        foreach (string line in page.Lines(columns, rows - 1, _order, _isPaused ? "  PAUSED" : "", _marked).Take(rows - 1))
        {
            frame.Append(PortText.Printable(line)).Append(EndLine).Append('\n');
        }
        frame.Append(keys.Length > columns ? keys[..columns] : keys).Append(EndLine).Append(EndFrame);
        Write(frame.ToString());
    }

    private void Ask()
    {
        while (true)
        {
            ITopPage? page = null;
            Exception? failure = null;
            try
            {
                page = feed.Next();
            }
            catch (OptionException e)
            {
                failure = e;
            }
            lock (_lock)
            {
                if (_isEnding)
                {
                    return;
                }
                (_page, _failure) = (page ?? _page, failure);
            }
            if (failure != null)
            {
                return;
            }
        }
    }

    private void Write(string text)
    {
        try
        {
            _terminal.Write(text);
        }
        catch (IOException)
        {
            // The terminal is gone; reading keys will say so.
        }
    }
}
